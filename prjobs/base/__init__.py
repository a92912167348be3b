"""Rules, words and small tools that every other package may use."""
