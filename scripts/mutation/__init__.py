"""Breaks the code that counts money in small ways and sees whether a test notices: mutmut."""
