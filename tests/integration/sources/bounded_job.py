"""A program as one bounded Flink job: reads what is in its topics now, ends, and has written all it ever will.

Run as a process: `bounded_job.py PROGRAM.json`, {statements, inserts, settings, jars}.
"""

import json
import sys
from pathlib import Path


def main(path: str) -> None:
    from pyflink.table import EnvironmentSettings, TableEnvironment  # noqa: PLC0415

    program = json.loads(Path(path).read_text())
    environment = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    configuration = environment.get_config()
    configuration.set("pipeline.jars", ";".join(f"file://{jar}" for jar in program["jars"]))
    for key, value in program["settings"].items():
        configuration.set(key, value)
    for statement in program["statements"]:
        environment.execute_sql(statement)
    inserts = environment.create_statement_set()
    for insert in program["inserts"]:
        inserts.add_insert_sql(insert)
    if program.get("explain"):
        sys.stdout.write(inserts.explain())
        return
    inserts.execute().wait()


if __name__ == "__main__":
    main(sys.argv[1])
