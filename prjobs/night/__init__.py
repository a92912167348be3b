"""The log of a night: which night (nights), what happened (report), and how it is shown (page, charts, table)."""
