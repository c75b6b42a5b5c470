"""The books as an operator reads and exports them: transfers, tokens, invoices. Never a secret."""
