"""The command line, the replay and the tools of one machine: the only package that may import all services."""
