"""History as Arrow: the columns of a history table, and log entries turned into its rows.

Offline stores write these rows to files, and query engines read the log's undelivered tail as
these rows; that both use one conversion is why a query gives the same answer before and after
delivery.
"""
