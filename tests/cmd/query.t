#!/bin/sh
# query, export, coverage: over a case that ingest makes of a small fixture.
set -u
d=$(mktemp -d) || exit 1
trap 'rm -rf "$d"' EXIT
n=0
is() { # got want name
	n=$((n + 1))
	if [ "$1" = "$2" ]; then
		echo "ok $n - $3"
	else
		echo "not ok $n - $3"
		printf '%s\n--- not\n%s\n' "$1" "$2" | sed 's/^/# /'
	fi
}
mkdir -p "$d/in/home/eve"
printf '#1600000000\nwget http://x.example/\033[31mred\n#1600003600\nls -l "a\\b"\n#1600007200\nid\n' >"$d/in/home/eve/.bash_history"
export KONSEKI_CASE="$d/case.db"
"$KONSEKI" ingest --host alpha "$d/in" >"$d/ingest" 2>&1
is $? 0 'ingest'
f="$d/in/home/eve/.bash_history"

is "$("$KONSEKI" query --no-header | cut -f1-4)" "$(printf '2020-09-13T12:26:40Z\talpha\tcommand_history\teve\n2020-09-13T13:26:40Z\talpha\tcommand_history\teve\n2020-09-13T14:26:40Z\talpha\tcommand_history\teve')" 'rows in the order of time'
is "$("$KONSEKI" query | head -1)" "$(printf 'time\thost\tkind\tuser\tmessage')" 'a header'
"$KONSEKI" parse --host alpha "$f" | jq -cS 'del(.source)' >"$d/parsed"
"$KONSEKI" query --format jsonl | jq -cS 'del(.source, .id)' >"$d/queried"
is "$(cat "$d/queried")" "$(cat "$d/parsed")" 'JSON lines are those of parse'
is "$("$KONSEKI" query --format jsonl | jq -c '.id | type')" "$(printf '"number"\n"number"\n"number"')" 'with an id'
sqlite3 "$KONSEKI_CASE" "SELECT json_object('ts', time, 'ts_desc', ts_desc, 'kind', kind, 'message', message, 'host', host, 'user', user, 'parser', parser, 'fields', json(fields)) FROM timeline ORDER BY time" | jq -cS . >"$d/stock"
is "$(cat "$d/stock")" "$(cat "$d/parsed")" 'and so is the view in stock sqlite3'
count() { "$KONSEKI" query --no-header "$@" | wc -l | tr -d ' '; }
is "$(count --since 2020-09-13T13:00:00Z)" 2 '--since'
is "$(count --until 2020-09-13T13:00:00Z)" 1 '--until'
is "$(count --kind command_history)" 3 '--kind'
is "$(count --kind logon,command_history)" 3 '--kind with a comma'
is "$(count --kind logon --kind command_history)" 3 '--kind twice'
is "$(count --kind logon)" 0 '--kind without any'
is "$(count --host 'AL*')" 3 '--host'
is "$(count --host beta)" 0 '--host without any'
is "$(count --grep 'X.EXAMPLE')" 1 '--grep has no case'
is "$(count --grep 'a\b')" 1 '--grep of a backslash'
is "$(count --limit 2)" 2 '--limit'
is "$(count --id 2)" 1 '--id'
name=$("$KONSEKI" query --format jsonl --id 1 | jq -r '.fields | keys_unsorted[]' | head -1)
is "$(count --field "$name=*")" 3 '--field with a pattern'
is "$(count --field "$name=no such value")" 0 '--field without any'
is "$(count --sql 'SELECT kind FROM timeline')" 3 '--sql'
is "$("$KONSEKI" query --no-header --sql 'SELECT host, kind, events FROM summary')" "$(printf 'alpha\tcommand_history\t3')" 'counts by host and kind'
for bad in 'DELETE FROM event' "ATTACH 'x' AS y" 'SELECT 1; SELECT 2' 'PRAGMA journal_mode = wal' 'nonsense' ''; do
	"$KONSEKI" query --sql "$bad" >/dev/null 2>&1
	is $? 2 "--sql refuses: $bad"
done
"$KONSEKI" query --kind no_such_kind >/dev/null 2>&1
is $? 2 'a kind that is none'
"$KONSEKI" query --since 'no time' >/dev/null 2>&1
is $? 2 'a time that is none'
"$KONSEKI" query -c "$d/none.db" >/dev/null 2>&1
is $? 2 'no case'
"$KONSEKI" query -c "$f" 2>&1 >/dev/null | grep -q 'not a case'
is $? 0 'a file that is no case'
is "$("$KONSEKI" query --format table | grep -c "$(printf '\033')")" 0 'escapes of the evidence are escaped'

is "$("$KONSEKI" export --format timesketch | jq -c 'select(.message and .datetime and .timestamp_desc) | .timestamp' | head -1)" 1600000000000000 'timesketch'
is "$("$KONSEKI" export --format l2tcsv | head -2 | cut -d, -f1-3 | tr -d '\r' | tail -1)" '09/13/2020,12:26:40,UTC' 'l2tcsv'
is "$("$KONSEKI" export --format csv | python3 -c 'import csv,sys; r=list(csv.DictReader(sys.stdin)); print(len(r), r[0]["time"], r[0]["user"])')" '3 2020-09-13T12:26:40Z eve' 'csv'
"$KONSEKI" export --format bodyfile -o "$d/body"
is $? 0 'bodyfile to a file'
if command -v mactime >/dev/null; then
	is "$(mactime -b "$d/body" -d -y | grep -c '^2020-09-13T')" 3 'mactime reads it'
fi
is "$("$KONSEKI" export --format clickhouse | tail -n +3 | jq -c .time | head -1)" '"2020-09-13 12:26:40.000000000"' 'clickhouse'
is "$("$KONSEKI" export --format clickhouse | head -1 | cut -c1-32)" 'CREATE TABLE IF NOT EXISTS event' 'clickhouse: a table'
is "$("$KONSEKI" export --format jsonl --grep example | wc -l | tr -d ' ')" 1 'filters hold for exports'
"$KONSEKI" export --format jsonl -o "$d/no/such/folder" >/dev/null 2>&1
is $? 2 'export to where nothing can be written'
is "$("$KONSEKI" coverage --no-header | awk -F'\t' '$3 == "source" { print $1, $4, $6 }')" 'alpha 2020-09-13T12:26:40Z 3' 'coverage'
echo "1..$n"
