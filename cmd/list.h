COMMAND(parse)
