"""What a person reads when the planner does not take what they wrote. The messages are Flink 2.2.1's own."""

import pytest

from weir_runtime.launcher.messages import Cause, Position, describe

VALIDATION = "org.apache.flink.table.api.ValidationException"
PARSER = "org.apache.flink.table.api.SqlParserException"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param(
            "SQL validation failed. From line 1, column 9 to line 1, column 13: Column 'metrc' not found in any table",
            "column 'metrc' not found, did you mean 'metric'? (at column 9)",
            id="unknown-column",
        ),
        pytest.param(
            "SQL validation failed. At line 2, column 3: Column 'atx' not found in table 'e'",
            "column 'atx' not found in 'e', did you mean 'at'? (at line 2, column 3)",
            id="unknown-column-of-a-table",
        ),
        pytest.param(
            "SQL validation failed. From line 1, column 9 to line 1, column 9: Column 'zzz' not found in any table",
            "column 'zzz' not found (at column 9)",
            id="nothing-near",
        ),
        pytest.param(
            "SQL validation failed. From line 1, column 15 to line 1, column 20: Object 'ordrs' not found",
            "table 'ordrs' not found, did you mean 'orders'? (at column 15)",
            id="unknown-table",
        ),
        pytest.param(
            'SQL parse failed. Encountered ";" at line 1, column 2.\nWas expecting one of:\n    "EXCEPT" ...',
            "';' is not possible here: write one statement or expression only (at column 2)",
            id="two-statements",
        ),
        pytest.param(
            'SQL parse failed. Encountered "+ <EOF>" at line 1, column 3.\nWas expecting one of:\n    "ABS" ...',
            "it ends too early, after '+' (at column 3)",
            id="too-short",
        ),
        pytest.param(
            'SQL parse failed. Encountered "<EOF>" at line 0, column 0.\nWas expecting one of:\n    "ABS" ...',
            "it ends too early",
            id="empty",
        ),
        pytest.param(
            'SQL parse failed. Encountered "at" at line 1, column 1.\nWas expecting one of:\n    "ABS" ...',
            "'at' is not expected here; if it is meant as a name, write `at` in backticks (at column 1)",
            id="reserved-word",
        ),
        pytest.param(
            "SQL validation failed. From line 1, column 9 to line 1, column 13: Cannot apply '+' to arguments of type "
            "'<VARCHAR(2147483647)> + <INTEGER>'. Supported form(s): '<NUMERIC> + <NUMERIC>'",
            "+ is not possible for STRING + INTEGER (at column 9)",
            id="operand-types",
        ),
        pytest.param(
            "SQL validation failed. From line 1, column 9 to line 1, column 14: No match found for function signature "
            "foo(<NUMERIC>)",
            "there is no function foo(NUMERIC) (at column 9)",
            id="unknown-function",
        ),
        pytest.param(
            "At line 4, column 2: Aggregate expression is illegal in WHERE clause",
            "an aggregate function is not possible here (at line 4, column 2)",
            id="aggregate",
        ),
        pytest.param("Something new\nwith a second line", "Something new", id="unknown-message"),
    ],
)
def test_describes(message: str, expected: str) -> None:
    chain = [Cause(PARSER if "parse" in message else VALIDATION, message)]
    assert describe(chain, columns=["session", "metric", "at"], tables=["orders"]) == expected


def test_the_cause_that_knows_the_place_is_told() -> None:
    chain = [
        Cause(
            VALIDATION,
            "SQL validation failed. From line 1, column 2 to line 1, column 3: Column 'x' not found in any table",
        ),
        Cause("java.lang.RuntimeException", "Column 'x' not found in any table"),
    ]
    assert describe(chain) == "column 'x' not found (at column 2)"


def test_the_place_is_the_one_in_what_the_user_wrote() -> None:
    chain = [Cause(VALIDATION, "At line 2, column 5: Column 'x' not found in any table")]
    shifted = describe(chain, shift=lambda position: Position(position.line - 1, position.column))
    assert shifted == "column 'x' not found (at column 5)"
