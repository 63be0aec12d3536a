"""Contact lists: files of rows (CSV, JSON, XLSX), the columns they have, and what their cells mean."""
