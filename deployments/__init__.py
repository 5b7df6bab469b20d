"""What runs where and when: program files, schedules, images, automations."""
