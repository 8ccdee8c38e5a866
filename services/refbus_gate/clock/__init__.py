"""What a gate does because time has passed: deadlines, held events tried again, upkeep, mail."""
