"""Expectations of rows: measured while they pass, judged before the receipt."""
