"""How pages look: templates, texts in every language, files for the browser, amounts and codes.

Knows no money, no route and no owner of either; the packages with pages bring their own templates.
"""
