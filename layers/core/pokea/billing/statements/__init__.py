"""What a billing report looks like: as a file of rows, and in words. Pure text; pages and tables are drawn by those who show them."""
