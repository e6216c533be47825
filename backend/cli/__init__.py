"""The command line: parser, exit codes, one module a verb. Nothing here imports Textual."""
