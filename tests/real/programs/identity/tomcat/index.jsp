<%= "user [" + request.getRemoteUser() + "]" %>
