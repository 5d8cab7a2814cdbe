-- Points have taken the place of quarters.
DROP TABLE quarter;
