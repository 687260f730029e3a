"""How many random examples the large property tests try, and with which seed.

`SOCKETSCOPE_ORACLE_EXAMPLES` and `SOCKETSCOPE_ORACLE_SEED` say so; a proof sets both and prints them.
"""

import os

from hypothesis import HealthCheck, settings

SEED = int(os.environ.get("SOCKETSCOPE_ORACLE_SEED", "20261103"))


def examples(otherwise):
    """Give how many; `otherwise` where nobody says."""
    return int(os.environ.get("SOCKETSCOPE_ORACLE_EXAMPLES", otherwise))


exactly = settings(
    max_examples=examples(60), deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=True
)
