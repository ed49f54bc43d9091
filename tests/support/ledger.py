"""A second service beside the shop, in Go and Python: the repository "ledger" of the tests of conversations."""

from pathlib import Path

from tests.support.git import unindented, write_files

FILES = {
    "ledger/booking.go": """
        // Package ledger books receipts.
        package ledger

        import "time"

        // maxAttempts is lower than the shop's: a booking that fails is repeated the next night.
        const maxAttempts = 3

        // BookReceipt writes a receipt into the ledger and repeats a failed write.
        func BookReceipt(store Store, receipt string) error {
            var failure error
            for attempt := 0; attempt < maxAttempts; attempt++ {
                if failure = store.Write(receipt); failure == nil {
                    return nil
                }
                time.Sleep(time.Second)
            }
            return failure
        }

        // CloseDay sums up the receipts of a day.
        func CloseDay(store Store, receipts []string) error {
            for _, receipt := range receipts {
                if err := BookReceipt(store, receipt); err != nil {
                    return err
                }
            }
            return nil
        }
    """,
    "ledger/report.py": '''
        """Reports for the accountants."""


        def monthly_report(receipts: list[str], currency: str) -> str:
            """Renders the receipts of a month as a table.

            Raises ValueError for a currency that is not booked.
            """
            if currency not in KNOWN_CURRENCIES:
                raise ValueError(currency)
            return render_table(receipts, currency)


        def render_table(rows: list[str], currency: str) -> str:
            """Renders rows of text, one a line."""
            return "\\n".join(f"{row} {currency}" for row in rows)
    ''',
}


def write_ledger(root: Path) -> None:
    """Write the ledger's files under a folder."""
    write_files(root, unindented(FILES))
