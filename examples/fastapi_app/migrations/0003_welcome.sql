-- UP
INSERT INTO entries (author, text) VALUES ('the house', 'Welcome.');

-- DOWN
DELETE FROM entries WHERE author = 'the house' AND text = 'Welcome.';
