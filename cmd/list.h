COMMAND(parse)
COMMAND(verify)
COMMAND(detect)
COMMAND(dive)
