"""What one record, one fold, one arrival costs, beside a floor measured in the same run."""
