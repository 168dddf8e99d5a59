COMMAND(parse)
COMMAND(verify)
COMMAND(detect)
