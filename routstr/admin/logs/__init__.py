"""What happened: the log, searched, and one request's story from the log and the books."""
