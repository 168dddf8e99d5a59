COMMAND(parse)
COMMAND(verify)
