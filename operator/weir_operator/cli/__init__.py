"""`weir`: the command line. Each command is a thin function over what the other packages do."""
