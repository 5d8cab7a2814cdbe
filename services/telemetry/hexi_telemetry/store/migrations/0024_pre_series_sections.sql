-- How many units a section holds; blocks written before those of racks became smaller hold 256.
ALTER TABLE series ADD COLUMN section_units smallint NOT NULL DEFAULT 256;
