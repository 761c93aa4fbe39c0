"""What is wrong with a table's file."""

from hublet_router.tablefile.errors import Fault, Faults, TableError


def test_table_error_lists_each_fault_in_the_order_of_the_file() -> None:
    error = TableError(
        "hublets.yaml",
        [Fault(14, 3, "third"), Fault(2, 9, "second"), Fault(2, 1, "first"), Fault(14, 3, "last")],
    )

    assert error.messages == [
        "hublets.yaml:2:1: first",
        "hublets.yaml:2:9: second",
        "hublets.yaml:14:3: third",
        "hublets.yaml:14:3: last",
    ]
    assert str(error) == "\n".join(error.messages)
    assert [fault.text for fault in error.faults] == ["first", "second", "third", "last"]


def test_a_fault_of_another_file_has_its_name() -> None:
    error = TableError("hublets.yaml", [Fault(3, 1, "wrong", "moved.csv")])

    assert str(error) == "moved.csv:3:1: wrong"


def test_a_fault_has_no_half_of_a_surrogate_pair() -> None:
    faults = Faults()
    faults.add((2, 7), "'\ud800' is wrong", "moved.csv")

    assert faults.found == [Fault(2, 7, r"'\ud800' is wrong", "moved.csv")]
