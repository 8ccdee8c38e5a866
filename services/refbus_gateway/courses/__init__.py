"""What a person does in a referral, a return or an emergency, and the opening of what came in."""
