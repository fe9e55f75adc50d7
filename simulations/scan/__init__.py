"""`prewarm scan`: which of a platform's autoscalers prediction would help, and by how much.

Reading (`candidates`, `cluster`), their history (`histories`), what it comes to (`judging`) and
what is shown (`text`, `page`) are apart; `commands` is the shell.
"""
