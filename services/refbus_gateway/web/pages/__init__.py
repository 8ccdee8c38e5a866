"""The screens, one module for each group of them: what is asked, which action answers, which template shows it."""
