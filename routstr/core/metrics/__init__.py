"""What monitoring is told: which metrics there are, how they are counted, kept and written.

Counting is in memory; sums of all instances are in the database, so that one scrape of any of them
tells all. Nothing here knows money or HTTP.
"""
