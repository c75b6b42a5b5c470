"""Set-up and checks of the project: what ``make`` runs. Standard library only, not shipped."""
