PARSER(evtx)
PARSER(shell_history)
PARSER(konseki_jsonl)
PARSER(regf)
