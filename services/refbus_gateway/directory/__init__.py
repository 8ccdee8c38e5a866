"""The members as this home has them: in force, waiting, suspicious."""
