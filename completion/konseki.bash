# bash completion for konseki: commands and options come from the program's own --help.
_konseki() {
	local current=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} program=${COMP_WORDS[0]} options
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		options=$("$program" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p')
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
		return
	fi
	case $current in
	-*)
		options=$("$program" "$command" --help 2>/dev/null | grep -oE '(^| )--[a-z][a-z-]*' | tr -d ' ')
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
		;;
	*)
		case ${COMP_WORDS[COMP_CWORD - 1]} in
		--format) mapfile -t COMPREPLY < <(compgen -W "table tsv csv jsonl" -- "$current") ;;
		*) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
		esac
		;;
	esac
}
complete -o filenames -F _konseki konseki build/konseki
