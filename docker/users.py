#!/opt/venv/bin/python
"""Check who may log in, and hand their passwords to Airflow's login in a file that it may write.

That login reads and locks its file for writing, and invents a password, which it logs, for a user that has none.
"""

import json
import os
import sys
from pathlib import Path

DO = '  do: see "Users" in docs/deploy.md, then start again'
ROLES = ("VIEWER", "USER", "OP", "ADMIN")


def main(secret: Path) -> str | None:
    """Write the passwords of MEDPOOL_USERS for the login; return what is wrong, or None."""
    try:
        passwords = json.loads(secret.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        passwords = None
    if not isinstance(passwords, dict):
        return f'medpool: ui_passwords.json is not a JSON object of the form {{"name": "password"}}\n{DO}'
    users = [user.split(":") for user in os.environ.get("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "").split(",")]
    for user in users:
        if len(user) != 2 or not user[0].strip() or user[1].strip().upper() not in ROLES:
            return (
                f"medpool: MEDPOOL_USERS has {':'.join(user)!r}; "
                f"expected name:role, role viewer, user, op or admin\n{DO}"
            )
        password = passwords.get(user[0].strip())
        if not isinstance(password, str) or len(password) < 12:
            return f"medpool: ui_passwords.json has no password of 12 characters or more for {user[0]!r}\n{DO}"
    names = sorted({user[0].strip() for user in users})
    target = Path(os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    target.write_text(json.dumps({name: passwords[name] for name in names}) + "\n", encoding="utf-8")
    return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
