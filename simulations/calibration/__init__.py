"""What one replica carries, from a benchmark sweep: `prewarm calibrate`.

Reading (`records`, `sweep`), fitting (`fit`), what is carried within targets (`carried`), and the
calibration file (`record`) are apart; `commands` is the shell.
"""
