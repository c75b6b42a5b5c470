"""Archives: files that old charges leave for, signed, from which the books go on.

What one is and why: docs/decisions/0035; the format, byte by byte: docs/archive.md.
"""
