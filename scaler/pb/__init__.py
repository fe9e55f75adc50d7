"""Stubs of KEDA's contract, written by `make proto`; never edited."""
