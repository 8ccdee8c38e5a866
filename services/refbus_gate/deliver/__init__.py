"""From decided rows to topics: pumps, their lanes, receipts and the directory handed on."""
