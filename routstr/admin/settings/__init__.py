"""Settings as the operator sees and changes them: one desk for the JSON interface and the page."""
