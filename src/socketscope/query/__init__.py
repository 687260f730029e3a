"""Questions about metrics, as data, and their compilers. Pure: no backend is imported here."""
