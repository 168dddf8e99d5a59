PARSER(shell_history)
