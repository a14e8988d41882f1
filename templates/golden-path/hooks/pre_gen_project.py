"""Refuses a name that would make a broken project. `mlkit new` asks more closely."""

import keyword
import re
import sys

name = {{ cookiecutter.name | jsonify }}
package = name.replace("-", "_")

if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or len(name) > 50:
    sys.exit(f"The name {name!r} cannot be used: lower case letters, digits and single hyphens, a letter first.")
if keyword.iskeyword(package) or package in sys.stdlib_module_names or package in {"data", "dags", "tests", "xgboost"}:
    sys.exit(f"The name {name!r} cannot be used: Python already has a {package!r}. Try {name}-model.")
