"""The pages of `refbus desk`: a route reads what came, calls one action and shows its value. No query and no rule."""
