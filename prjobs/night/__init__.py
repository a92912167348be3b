"""The log of a night: the dates (nights), the report, the page with charts and tables, and files."""
