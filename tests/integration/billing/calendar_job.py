"""Evaluates SQL over rows in Flink, each query in a session of its own time zone: `calendar_job.py QUERIES.json`.

Prints the rows of each query as JSON, one line a query.
"""

import json
import sys
from pathlib import Path


def main(path: str) -> None:
    from pyflink.table import EnvironmentSettings, TableEnvironment  # noqa: PLC0415

    environment = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    environment.get_config().set("parallelism.default", "1")
    for query in json.loads(Path(path).read_text()):
        environment.get_config().set("table.local-time-zone", query["zone"])
        environment.execute_sql(query["table"])
        with environment.execute_sql(query["sql"]).collect() as rows:
            print(json.dumps([list(row) for row in rows]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
