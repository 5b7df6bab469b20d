"""Economics, incentives, the ledger, exports, lift."""
