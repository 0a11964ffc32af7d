"""What people and programs read: results and progress, as text, JSON, CSV, drawings and files."""
